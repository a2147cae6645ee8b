"""What holds of every format: what is written is read back, and what cannot be is said."""

import pytest
from support.refusals import refused
from support.score_examples import METRES, assert_same_music, random_score, score_of

from zoo.music import KEYS, audio, midi, musicxml, piano_roll

FORMATS = {".mid": midi, ".musicxml": musicxml, ".mxl": musicxml}
WRITERS = {".mid": midi.write, ".xml": musicxml.write, ".wav": audio.write_wav}


@pytest.fixture(params=FORMATS)
def there_and_back(request, tmp_path):
    def there_and_back(score):
        path, module = tmp_path / f"piece{request.param}", FORMATS[request.param]
        module.write(score, path)
        return module.read(path, score.steps_per_quarter)

    return there_and_back


@pytest.mark.parametrize("metre", METRES)
def test_what_is_written_is_read_back_in_every_metre(there_and_back, metre):
    for voices in (1, 4):
        score = random_score(len(METRES[metre]), voices, METRES[metre])
        assert_same_music(there_and_back(score), score)


@pytest.mark.parametrize("steps_per_quarter", [1, 2, 8, 16])
def test_on_every_grid(there_and_back, steps_per_quarter):
    score = random_score(30, 3, steps_per_quarter=steps_per_quarter)
    assert_same_music(there_and_back(score), score)


def test_keys_are_kept(there_and_back):
    for key in (None, *KEYS):
        assert there_and_back(random_score(4, 1, key=key)).key == key


def test_voices_keep_their_names_where_they_cross(there_and_back):
    score = score_of("C4 E4 G4 C5", "C4 E4 F4 C5")
    assert there_and_back(score).pitches.tolist() == score.pitches.tolist()


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_tempo_that_is_none_and_a_file_that_cannot_be_written(tmp_path, suffix):
    for tempo in (0, -60):
        refused("quarter notes", WRITERS[suffix], random_score(4), tmp_path / "a", tempo)
        assert not (tmp_path / "a").exists()
    for write in (WRITERS[suffix], piano_roll.draw):
        refused("cannot be written", write, random_score(4), tmp_path / "absent" / f"a{suffix}")


@pytest.mark.parametrize("module", [midi, musicxml])
def test_a_missing_file_a_folder_and_an_empty_file(tmp_path, module):
    (tmp_path / "empty").touch()
    for name, message in (
        ("absent", "no such file"),
        ("", "cannot be read"),
        ("empty", "is empty"),
    ):
        refused(message, module.read, tmp_path / name)
