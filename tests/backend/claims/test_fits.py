# SPDX-License-Identifier: GPL-3.0-or-later
import dataclasses

import torch

from backend.claims.base import Settings
from backend.claims.fits import held_out, picture, run_fit, show_psnr
from backend.claims.people import draw, make_people
from backend.claims.r2 import base_config


def test_a_fit_is_kept_and_shows_its_people(settings: Settings) -> None:
    make_people(settings, lambda stage, share: None)
    people = draw(settings, 0, 1)
    shares: list[float] = []
    fit = run_fit(settings, base_config(settings), 0, people, lambda stage, share: shares.append(share))
    assert shares[-1:] in ([1.0], [])  # another test may have fitted already
    shares.clear()
    again = run_fit(settings, base_config(settings), 0, people, lambda stage, share: shares.append(share))
    assert again.folder == fit.folder and not shares
    other = dataclasses.replace(base_config(settings), decoder_rate=1e-3)
    assert run_fit(settings, other, 0, people, lambda stage, share: None).folder != fit.folder
    name = people.names[0]
    views = held_out(people, name)
    shown = picture(fit.planes(name), fit.decoder(), views)
    assert shown.shape == (16, 16, 3) and 0 <= shown.min() <= shown.max() <= 1
    fitted, fresh = (show_psnr(some, fit.decoder(), views) for some in (fit.planes(name), torch.zeros(3, 8, 16, 16)))
    assert fitted > fresh
    # One person alone: the decoder of the last visit is the final one.
    then, now = fit.decoder_then(name).state_dict(), fit.decoder().state_dict()
    assert all(torch.equal(then[key], now[key]) for key in now)
