# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
import torch

from backend.diffusion.schedule import ScheduleConfig, alpha_bar, log_snr

TIMES = torch.tensor([0.05, 0.1, 0.25, 0.5, 0.75])


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (ScheduleConfig.rodinhd_base(), [0.87304, 0.74158, 0.37889, 0.055728, 0.0011767]),
        (ScheduleConfig.rodinhd_upsampler(), [0.36485, 0.094852, 1.1056e-3, 6.118e-7]),
    ],
)
def test_published_values(config: ScheduleConfig, expected: list[float]) -> None:
    wanted = torch.tensor(expected, dtype=torch.float64)
    torch.testing.assert_close(alpha_bar(TIMES[: len(expected)], config), wanted, rtol=1e-3, atol=1e-9)


@pytest.mark.parametrize(
    "config", [ScheduleConfig(), ScheduleConfig.rodinhd_base(), ScheduleConfig.rodinhd_upsampler()]
)
def test_signal_falls_from_one_to_nothing(config: ScheduleConfig) -> None:
    u = torch.linspace(0, 1, 50)
    signal = alpha_bar(u, config)
    assert signal[0] == 1 and signal[-1] < 1e-6 and (signal.diff() <= 0).all()
    assert log_snr(u, config).isfinite().all()


def test_the_linear_schedule_has_its_published_values_and_its_noisy_end() -> None:
    config = ScheduleConfig(kind="linear")
    wanted = torch.tensor([0.524, 0.0786, 0.00335], dtype=torch.float64)
    torch.testing.assert_close(alpha_bar(TIMES[2:], config), wanted, rtol=1e-3, atol=0)
    ends = alpha_bar(torch.tensor([0.0, 1.0]), config)
    assert ends[0] == 1 and abs(ends[1] - 4.04e-5) < 1e-6
