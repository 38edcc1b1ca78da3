# SPDX-License-Identifier: GPL-3.0-or-later
"""From arguments to a verb's `run`: lazy import, parser built from its dataclass, errors as sentences."""

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Sequence

from backend import __version__
from backend.cli import VERBS
from backend.cli.flags import add_flags, flags_from


class Complaint(Exception):
    """What the user must change; shown without a traceback."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def run_command_line(arguments: Sequence[str]) -> int:
    """Exit status: 0 done, 1 the work failed, 2 wrong arguments or input, 130 interrupted."""
    top = _top_parser()
    if not arguments:
        top.print_help()
        return 2
    options = top.parse_args(arguments[:1])
    try:
        return _run_verb(options.verb, arguments[1:])
    except KeyboardInterrupt:
        print("maquette: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `maquette ... | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        message = getattr(error, "message", None)
        if not isinstance(message, str):
            raise
        print(f"maquette: {message}", file=sys.stderr)
        if hint := getattr(error, "hint", ""):
            print(f"  {hint}", file=sys.stderr)
        return 2


def verb_parser(verb: str) -> argparse.ArgumentParser:
    """The parser of one verb; imports the verb's file."""
    flags_type = importlib.import_module(f"backend.cli.{verb}").Flags
    parser = argparse.ArgumentParser(
        prog=f"maquette {verb}",
        description=flags_type.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_flags(parser, flags_type)
    parser.add_argument("--verbose", action="store_true", help="log each stage to standard error")
    return parser


def _run_verb(verb: str, arguments: Sequence[str]) -> int:
    options = vars(verb_parser(verb).parse_args(arguments))
    logging.basicConfig(
        level=logging.INFO if options.pop("verbose") else logging.WARNING,
        format="%(asctime)s %(name)s: %(message)s",
        datefmt="%H:%M:%S",
    )
    module = importlib.import_module(f"backend.cli.{verb}")
    return module.run(flags_from(module.Flags, options)) or 0


def _top_parser() -> argparse.ArgumentParser:
    width = max(map(len, VERBS))
    lines = "\n".join(f"  {verb:<{width}}  {summary}" for verb, summary in VERBS.items())
    parser = argparse.ArgumentParser(
        prog="maquette",
        usage="maquette VERB [flags]",
        description="Portraits, sentences and seeds become textured 3D heads.",
        epilog=f"verbs:\n{lines}\n\n`maquette VERB --help` explains a verb.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"maquette {__version__}")
    parser.add_argument("verb", choices=VERBS, metavar="VERB", help="what to do, see below")
    return parser
