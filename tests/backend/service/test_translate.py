# SPDX-License-Identifier: GPL-3.0-or-later
import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backend.pipeline import events
from backend.pipeline.avatar import AvatarError
from backend.pipeline.request import RequestError
from backend.service.errors import JobError, ServiceError
from backend.service.translate import AvatarRunner, avatar_request, check, message_of, user_head
from backend.surface.mesh import Mesh
from backend.synthesis.base import Condition, Progress, Sample
from backend.synthesis.source import Source
from backend.texture.maps import TextureSet
from backend.weights import library
from backend.weights.sdf_gan import SdfGanFileConfig, TrainedSdfGan, save_sdf_gan
from backend.weights.store import WeightsError
from blender_addon.protocol import (
    Finished,
    JobRequest,
    MeshReady,
    Progressed,
    TextureReady,
    decode_event,
    decode_request,
    encode,
)
from tests import foreign
from tests.analytic import BustField

SMALL = {"steps": 3, "resolution": 48, "faces": 1500, "texture_size": 128}

SHIPPED = [name for name, path in library.SHIPPED.items() if path.exists()]


SOURCE = Source(np.ones((2, 3, 9), np.float16), np.ones(4, np.float16), "0" * 16)


class Sculptor:
    """A synthesizer of one bust; with `empty`, of nothing."""

    name, model_hash = "sculptor", "0" * 16
    device = torch.device("cpu")

    def __init__(self, device: str = "cpu", empty: bool = False) -> None:
        self.empty = empty
        self.closed = 0

    def synthesize(self, condition: Condition) -> Generator[Progress, None, Sample]:
        try:
            for step in range(condition.steps):
                yield Progress("sample", step / condition.steps, np.zeros((4, 4, 3), np.uint8))
        finally:
            self.closed += 1
        if self.empty:
            raise AvatarError("the model produced no surface", "Try another seed.")
        return Sample(BustField(), SOURCE)


def a_head(**options: Any) -> JobRequest:
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)
    return JobRequest("h", "refine", options=options, vertices=corners, faces=faces, weight=np.zeros(4, np.float32))


def test_a_head_comes_off_the_wire_whole_and_writable() -> None:
    request = decode_request([bytes(frame) for frame in encode(a_head())])
    assert isinstance(request, JobRequest)
    head = user_head(request)
    assert np.array_equal(head.faces, a_head().faces) and head.uv is None and head.weight is not None
    assert head.vertices.flags.writeable


def test_a_refinement_is_checked_before_it_waits() -> None:
    check(a_head(strength=0.3, layout="new"))
    check(JobRequest("a", options={"steps": 3}))
    with pytest.raises(RequestError, match="no option 'steep'"):
        check(a_head(steep=1))


def test_a_style_is_checked_before_it_waits() -> None:
    check(JobRequest("a", "adapt", options={"sentence": "a marble statue", "keep": "rest", "steps": 3}))
    check(JobRequest("a", "imagine", options={"sentence": "a bronze bust with a wreath", "tune": 3}))
    for request, words in (
        (JobRequest("a", "adapt"), "needs a sentence"),
        (JobRequest("a", "adapt", options={"sentence": "x"}, portrait=b"x"), "from a sentence alone"),
        (JobRequest("a", "adapt", options={"sentence": "x"}, sources=b"AAAA"), "from a sentence alone"),
        (JobRequest("a", "adapt", options={"sentence": "x", "name": "../x"}), "cannot be called"),
        (JobRequest("a", "imagine"), "needs a sentence"),
    ):
        with pytest.raises(RequestError, match=words):
            check(request)


@pytest.mark.parametrize("kind", ["adapt", "imagine"])
def test_a_generator_that_no_sentence_can_change_is_a_complaint(kind: str) -> None:
    runner = AvatarRunner("cpu", Sculptor)
    with pytest.raises(JobError, match="rodin cannot be") as raised:
        list(runner.run(JobRequest("a", kind, options={"sentence": "x", "synthesizer": "rodin"})))
    assert raised.value.code == "bad_request" and raised.value.hint


def test_a_head_that_cannot_be_refined_is_a_complaint() -> None:
    runner = AvatarRunner("cpu", Sculptor)
    with pytest.raises(JobError, match="no face of the mesh is in the vertex group") as raised:
        list(runner.run(a_head()))
    assert raised.value.code == "bad_request" and raised.value.hint


def test_the_request_keeps_everything() -> None:
    request = avatar_request(JobRequest("a", preset="draft", seed=5, portrait=b"x", options={"steps": 3}))
    assert (request.job_id, request.preset, request.seed, request.portrait) == ("a", "draft", 5, b"x")
    assert request.numbers.steps == 3
    with pytest.raises(RequestError):
        avatar_request(JobRequest("a", preset="ultra"))
    blend = avatar_request(JobRequest("a", "blend", sources=b"AAAA\nBBBB", options={"shares": [1, 2]}))
    assert (blend.kind, blend.sources, blend.shares[0]) == ("blend", ("AAAA", "BBBB"), pytest.approx(1 / 3))
    with pytest.raises(RequestError, match="damaged"):
        avatar_request(JobRequest("a", "blend", sources=b"\xff\xff"))


def test_each_event_can_be_sent() -> None:
    triangle = Mesh(
        np.eye(3)[:, ::-1].astype(np.float32), np.array([[0, 1, 2]], np.int32), np.eye(3, 2, dtype=np.float32)
    )
    painted = TextureSet(np.zeros((4, 4, 3), np.uint8), np.ones((4, 4), bool), 2)
    told: list[events.PipelineEvent] = [
        events.Progress("sculpting", 1.0000001, 2.0),
        events.Shaped(triangle),
        events.Painted(painted, True),
        events.Finished({"seed": 1}),
    ]
    progressed, mesh, texture, finished = (decode_event(encode(message_of(event, "a"))) for event in told)
    assert isinstance(progressed, Progressed) and progressed.fraction == 1.0
    assert isinstance(mesh, MeshReady) and np.array_equal(mesh.vertices, triangle.vertices)
    assert isinstance(texture, TextureReady) and texture.level == 2 and texture.final and texture.normal is None
    assert finished == Finished("a", {"seed": 1})


def test_a_bust_goes_the_whole_way_through_the_real_pipeline() -> None:
    runner = AvatarRunner("cpu", Sculptor)
    assert runner.capabilities["device"] == "cpu" and "resample" in runner.capabilities["refiners"]
    request = JobRequest("a", options=SMALL | {"levels": [600, 200]})
    messages = [decode_event(encode(event)) for event in runner.run(request)]
    (mesh,) = (each for each in messages if isinstance(each, MeshReady))
    finest, middle, coarse = mesh.levels()
    assert 100 < len(mesh.faces) <= 1.1 * 1500 and np.array_equal(finest, mesh.faces)
    assert len(coarse) < len(middle) <= 600
    volumes = [Mesh(mesh.vertices.copy(), each).volume() for each in mesh.levels()]
    assert volumes == pytest.approx([volumes[0]] * 3, rel=0.2)
    textures = [each for each in messages if isinstance(each, TextureReady)]
    last = textures[-1]
    assert last.final and len(last.albedo) == 128 and last.normal is not None and last.normal.shape == (128, 128, 3)
    assert last.occlusion is not None and last.roughness is not None and last.roughness.shape == (128, 128)
    assert [each.normal for each in textures[:-1]] == [None] * (len(textures) - 1)
    finished = messages[-1]
    assert isinstance(finished, Finished) and finished.recipe["job_id"] == "a"
    json.dumps(finished.recipe, allow_nan=False)


def test_an_avatar_can_be_changed_by_its_recipe() -> None:
    runner = AvatarRunner("cpu", Sculptor)
    edit = JobRequest("a", "edit", sources=SOURCE.pack().encode(), options=SMALL | {"sentence": "add a beard"})
    finished = list(runner.run(edit))[-1]
    assert isinstance(finished, Finished) and Source.unpack(finished.recipe["source"]).model_hash == "0" * 16
    with pytest.raises(JobError, match="cannot be read") as caught:
        list(runner.run(JobRequest("a", "edit", sources=b"AAAA", options=SMALL | {"sentence": "add a beard"})))
    assert caught.value.code == "bad_request"


def test_leaving_early_ends_the_sampler() -> None:
    sculptor = Sculptor()
    steps = AvatarRunner("cpu", lambda device: sculptor).run(JobRequest("a", options=SMALL))
    while not (isinstance(event := next(steps), Progressed) and event.preview is not None):
        pass
    steps.close()  # type: ignore[attr-defined]
    assert sculptor.closed == 1


def test_complaints_keep_their_sentence_and_get_a_code() -> None:
    with pytest.raises(JobError, match="no surface") as caught:
        list(AvatarRunner("cpu", lambda device: Sculptor(empty=True)).run(JobRequest("a", options=SMALL)))
    assert (caught.value.code, caught.value.hint) == ("bad_request", "Try another seed.")


def test_missing_weights_are_said_in_their_own_words() -> None:
    def load(device: str) -> Any:
        raise WeightsError("There are no weights", "Install them.")

    with pytest.raises(ServiceError) as caught:
        AvatarRunner("cpu", load)
    assert (caught.value.message, caught.value.hint) == ("There are no weights", "Install them.")


def test_a_device_is_told_by_what_it_came_to() -> None:
    import torch

    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert AvatarRunner("auto", Sculptor).capabilities["device"] == expected  # and its memory is told by that, too


def test_an_absent_graphics_card_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)  # whatever this machine has
    with pytest.raises(ServiceError, match="no graphics card") as caught:
        AvatarRunner("cuda", Sculptor)
    assert "--device cpu" in caught.value.hint


def test_a_new_style_of_an_old_name_is_not_taken_for_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAQUETTE_MODELS", str(tmp_path))
    runner, loaded = AvatarRunner("cpu", Sculptor), []
    request = avatar_request(JobRequest("a", options={"synthesizer": "marble"}))
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        model = TrainedSdfGan.build(SdfGanFileConfig.tiny())
        save_sdf_gan(model, tmp_path / "marble.safetensors", recipe={"prompt": "x"})
        loaded.append(runner._synthesizer_for(request))
    assert loaded[0] is loaded[1] and loaded[1].model_hash != loaded[2].model_hash
    (tmp_path / "marble.safetensors").unlink()
    with pytest.raises(JobError, match="no generator called 'marble'"):
        list(runner.run(JobRequest("a", options={"synthesizer": "marble"})))


def test_a_converted_model_is_asked_for_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its avatar comes through the same messages; one that is not there, or cannot do what is asked, is told."""
    monkeypatch.setenv("MAQUETTE_MODELS", str(tmp_path))
    monkeypatch.setattr("backend.synthesis.plane_gan.SIDE", 49)
    foreign.keep_round(tmp_path, "own-heads")
    runner = AvatarRunner("cpu", Sculptor)
    assert runner.capabilities["synthesizers"] == ["rodin", *SHIPPED, "own-heads"]
    asked = {"synthesizer": "own-heads", "resolution": 48, "faces": 1500, "texture_size": 64}
    *_, finished = runner.run(JobRequest("a", preset="draft", seed=5, options=asked))
    assert isinstance(finished, Finished) and finished.recipe["model"]["name"] == "own-heads"
    assert any("non-commercial" in note for note in finished.recipe["notes"])
    again = JobRequest("b", "blend", preset="draft", options=SMALL, sources=finished.recipe["source"].encode())
    *_, repeated = runner.run(again)
    assert isinstance(repeated, Finished) and repeated.recipe["model"]["name"] == "own-heads"
    for options, sentence in (
        ({"synthesizer": "busts"}, "no generator called 'busts'"),
        ({"synthesizer": "own-heads", "sentence": "an old man"}, "own-heads makes people from seeds only"),
    ):
        with pytest.raises(JobError, match=sentence) as raised:
            list(runner.run(JobRequest("c", options=SMALL | options)))
        assert raised.value.code == "bad_request" and raised.value.hint
