"""The command as a whole: what every sub-command has in common."""

from __future__ import annotations

import pytest

from plantpulse.command_line import COMMANDS, main


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_every_command_explains_itself_with_an_example(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert "xample" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words", [[], ["foo"], ["analyze", "x", "--rate", "abc"], ["agent", "run"], ["cloud", "serve"]]
)
def test_bad_usage_is_one_line_and_exit_code_2(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert said.out == ""
    assert len(said.err.strip().splitlines()) == 1
    assert "--help" in said.err
