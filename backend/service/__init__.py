# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend as others see it: a server that always answers, and one worker process per device that computes.

`server.Server` owns the sockets and never imports torch: whatever a job does to a device, the server still answers
pings, takes jobs and cancels them. `desk` has the queue: who waits, who works on what, who is told. `pool` starts the
workers, kills the one that does not stop, and replaces the one that died. `worker` is that other process: it loads a
runner once and iterates one job at a time; `translate.AvatarRunner` is the runner that makes avatars. `audience` knows
which client is owed which message, `store` keeps jobs and results on disk, so that neither a restart nor a lost client
costs a result.
"""
