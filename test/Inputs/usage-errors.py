"""Command lines that make no sense: usage-errors.py DIRECTORY."""

import sys

from commands import MLP, Workplace

place = Workplace(sys.argv[1])
SEE = ", see compressc --help"
compile_ = ["compile", MLP, "--preset", "int8", "-o", "a"]
for message, *arguments in [
    ("expected a command" + SEE,),
    ("unknown subcommand 'nonsense'" + SEE, "nonsense"),
    ("unknown command line argument '--nonsense'" + SEE, "run", "--nonsense"),
    ("unknown command line argument '--presett'" + SEE, *compile_, "--presett", "int8"),
    ("unknown command line argument 'extra'" + SEE, "presets", "extra"),
    ("not enough positional command line arguments specified" + SEE, "run"),
    ("not enough positional command line arguments specified" + SEE, "inspect"),
    ("too many positional arguments specified" + SEE, "run", "a", "b"),
    ("expected --preset or --recipe", "compile", "x", "-o", "a"),
    ("expected -o, or --dry-run", "compile", "x", "--preset", "int8"),
    ("for the --original option: must be specified at least once" + SEE, "verify", "a"),
    ("for the --original option: must be specified at least once" + SEE, "compare", "a"),
    ("for the -o option: must be specified at least once" + SEE, "externalize", "x", "--weights", "w"),
    ("for the --weights option: must be specified at least once" + SEE, "externalize", "x", "-o", "y"),
    ("for the --preset option: requires a value" + SEE, "compile", "x", "-o", "a", "--preset"),
    ("for the --emit option: Cannot find option named 'exe'" + SEE, *compile_, "--emit", "exe"),
    ("for the -j option: '-1' value invalid for uint argument" + SEE, *compile_, "-j", "-1"),
    ("for the -j option: 'x' value invalid for uint argument" + SEE, *compile_, "-j", "x"),
    ("for the -j option: '99999999999' value invalid for uint argument" + SEE, *compile_, "-j", "99999999999"),
    ("for the --threads option: 'x' value invalid for integer argument" + SEE, "run", "a", "--threads", "x"),
    ("expected --threads of 1 or more, but got 0", "run", "a", "--threads", "0"),
    ("for the --min-elements option: 'few' value invalid for long argument" + SEE, *compile_, "--min-elements", "few"),
]:
    place.fail(message, *arguments, code=2)
place.finish()
