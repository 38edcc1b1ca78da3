# SPDX-License-Identifier: GPL-3.0-or-later
import json
import re
from dataclasses import fields, is_dataclass

import pytest

from blender_addon.crowd.rules import SpecError
from blender_addon.crowd.spec import BODY, SCHEMA_FILE, CrowdSpec, plain, published_schema, read_spec, spec_of

GRID = {"count": 9, "seeds": [1, 2], "layout": {"kind": "grid"}}
DESCRIBED = {"sentence": "{age} man", "words": {"age": {"a young": 2, "an old": 1.5}}, "distinct": 7}
EXAMPLES = [
    GRID,
    {"count": 5, "portraits": ["a.jpg"], "layout": {"kind": "circle", "radius": 2, "arc": 180, "look_at": [0, 1]}},
    {"count": 5, "sentences": ["a man"], "layout": {"kind": "curve", "path": [[0, 0], [9, 0, 1]], "rows": 2}},
    {"seeds": [3], "layout": {"kind": "points", "points": [[0, 0], [1, 0, 2]], "ground": "Floor"}},
    {
        "count": 200,
        "seeds": [1, 2, 3],
        "weights": [1, 0, 2.5],
        "layout": {"kind": "surface", "object": "Hills", "facing": "random"},
        "variation": {"scale": 0.1, "distribution": "normal", "clothes": 0},
        "lod": {"faces": [8000, 1000], "distances": [4], "viewport": 1},
        "instances": "points",
        "preset": "high",
        "spacing": 1,
        "seed": 4,
    },
    {"count": 50, "described": DESCRIBED, "layout": {"kind": "grid"}},
]
WRONG = [
    ({"count": 9, "layout": {"kind": "grid"}, "described": {"sentence": "a man", "distinct": 2}}, "described.words is"),
    ({**GRID, "described": DESCRIBED}, "must be given, got seeds and described"),
    ({}, "layout is missing"),
    ({**GRID, "colour": 1}, "there is no key colour"),
    ({"count": 9, "layout": {"kind": "grid"}}, "sentences and described must be given, got none"),
    ({**GRID, "portraits": ["a"]}, "and described must be given, got seeds and portraits"),
    ({**GRID, "seeds": []}, "seeds must be a list"),
    ({**GRID, "seeds": [1, -1]}, "seeds[1] must be a whole number"),
    ({**GRID, "count": 0}, "count must be a whole number from 1"),
    ({"seeds": [1], "layout": {"kind": "grid"}}, "count is missing"),
    ({**GRID, "preset": "best"}, "preset must be one of draft, standard, high"),
    ({**GRID, "layout": {"kind": "spiral"}}, "layout.kind must be one of"),
    ({**GRID, "layout": {"kind": "points"}}, "layout.points is missing"),
    ({**GRID, "layout": {"kind": "points", "points": [[0, 0]]}}, "count must be the number of layout.points (1), got"),
    ({**GRID, "layout": {"kind": "surface"}}, "layout.object is missing"),
    ({**GRID, "layout": {"kind": "curve"}}, "one of layout.object and layout.path must be given"),
    ({**GRID, "weights": [1]}, "weights must be as many as seeds (2), got 1 values"),
    ({**GRID, "weights": [0, 0]}, "weights must not all be 0"),
    ({**GRID, "spacing": 0.3}, "spacing must be at least 0.48 so that no two people touch"),
    ({**GRID, "spacing": 0.6, "variation": {"position": 0.1}}, "spacing must be at least 0.68"),
    ({**GRID, "variation": {"scale": 0.9}}, "variation.scale must be a number from 0 to 0.5"),
    ({**GRID, "lod": {"faces": [100, 1000]}}, "lod.faces must fall"),
    ({**GRID, "lod": {"faces": [1000, 100], "distances": []}}, "lod.distances must be one fewer than lod.faces (2)"),
    ({**GRID, "lod": {"faces": [900, 400, 100], "distances": [3, 2]}}, "lod.distances must rise"),
    ({**GRID, "lod": {"faces": [900], "viewport": 1}}, "lod.viewport must be from 0 to 0"),
]  # fmt: skip


@pytest.mark.parametrize("value", EXAMPLES)
def test_a_specification_goes_there_and_back(value):
    spec = spec_of(value)
    assert spec_of(json.loads(json.dumps(plain(spec)))) == spec
    assert plain(spec_of(plain(spec))) == plain(spec)


@pytest.mark.parametrize(("value", "sentence"), WRONG)
def test_every_mistake_names_its_key(value, sentence):
    with pytest.raises(SpecError) as caught:
        spec_of(value)
    assert sentence in caught.value.message


def test_what_follows_from_the_specification():
    spec = spec_of(EXAMPLES[4])
    assert spec.total == 200 and spec.as_points and spec.distances == (4.0,)
    assert spec.body == pytest.approx(1.1 * BODY)
    assert spec_of(EXAMPLES[3]).total == 2
    assert not spec_of(GRID).as_points and spec_of({**GRID, "count": 501}).as_points
    assert len(spec_of(GRID).distances) == 4


def test_the_published_schema_is_the_dataclasses_own():
    assert json.loads(SCHEMA_FILE.read_text(encoding="utf-8")) == json.loads(json.dumps(published_schema())), (
        "crowd.schema.json is out of date: maquette populate --schema > blender_addon/crowd/crowd.schema.json"
    )


def test_schema_and_dataclasses_have_the_same_keys():
    def compare(kind: type, schema: dict) -> None:
        properties = {name: each for name, each in schema["properties"].items() if name != "$schema"}
        assert [each.name for each in fields(kind)] == list(properties)
        for each in fields(kind):
            assert properties[each.name]["description"] == each.metadata["meaning"] != ""
            if is_dataclass(each.default) or each.name == "layout":
                compare(each.metadata["rule"].kind, properties[each.name])

    compare(CrowdSpec, published_schema())


def test_a_validator_agrees():
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(published_schema())
    check = jsonschema.Draft202012Validator(published_schema())
    for value in EXAMPLES:
        check.validate(value)
    # What one key may be, the schema knows; what keys mean together is said in sentences only.
    for value, sentence in WRONG[:1] + [each for each in WRONG if re.search("no key|must be (a|one of) ", each[1])]:
        assert not check.is_valid(value), sentence


def test_a_file_is_read_with_its_own_folder(tmp_path):
    file = tmp_path / "crowd.json"
    file.write_text(json.dumps({**EXAMPLES[1], "scene": "hills.blend", "$schema": "crowd.schema.json"}))
    spec = read_spec(file)
    assert spec.portraits == (str(tmp_path / "a.jpg"),) and spec.scene == str(tmp_path / "hills.blend")


@pytest.mark.parametrize("content", ["", "{", "[1, 2", "\x00", "[" * 100_000])
def test_a_file_that_is_no_json_is_a_sentence(tmp_path, content):
    file = tmp_path / "crowd.json"
    file.write_text(content)
    with pytest.raises(SpecError, match="is no JSON"):
        read_spec(file)


def test_a_missing_file_and_bytes_are_sentences(tmp_path):
    with pytest.raises(SpecError, match="cannot be read: No such file"):
        read_spec(tmp_path / "none.json")
    (tmp_path / "photo.json").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(SpecError, match="is no JSON"):
        read_spec(tmp_path / "photo.json")
