# SPDX-License-Identifier: GPL-3.0-or-later
"""Files to models and back: safetensors with the configuration beside them; never pickle.

`default.safetensors` is the model that ships, `MODEL_CARD.md` says how it was made.
"""
