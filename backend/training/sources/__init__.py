# SPDX-License-Identifier: GPL-3.0-or-later
"""What users bring to be fitted: folders of pictures with cameras, and meshes.

Whatever comes is checked where it enters, put into the box by a similarity that is kept (`normalise.Placement`), and
leaves as what fitting takes: pictures with cameras (`training.views.ViewSet`) and, of a mesh, samples of distance and
colour (as `studio.dataset.person_sample`). What cannot be used ends in a `SourceError`; what was repaired or guessed is
told in notes, one sentence each.
"""
