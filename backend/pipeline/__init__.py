# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole way from a request to an avatar on disk; the one place that knows every layer below it.

`avatar.run(AvatarRequest(portrait=...), synthesizer)` is an iterator of events: `Progress` again and again, `Shaped`
as soon as there is a mesh with UVs, `Painted` for each better texture, `Finished` with the recipe. Closing the iterator
cancels the job. `presets` and `request` load neither torch nor numba, so that the server can read them.
"""
