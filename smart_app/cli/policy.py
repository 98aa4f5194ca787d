"""``smart-app policy``: shows a policy as a file that can be copied, or checks a site's own file."""

from __future__ import annotations

import argparse

from smart_app.cli.show import say, say_json
from smart_app.fhir.factjson import encode
from smart_app.policies import DEFAULT, SHIPPED, as_toml, load_policy


def add_to(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("policy", help="show, list or check surveillance policies")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    showing = actions.add_parser("show", help="every setting with its clause; J is judgement")
    showing.add_argument("policy", nargs="?", default=DEFAULT, help=f"{', '.join(SHIPPED)}, or a TOML file")
    showing.add_argument("--json", action="store_true")
    showing.set_defaults(func=show)
    checking = actions.add_parser("check", help="whether a site's file is a policy; if not: the line and why")
    checking.add_argument("policy", help="a TOML file, or a shipped policy's name")
    checking.set_defaults(func=check)
    actions.add_parser("list", help="the shipped policies").set_defaults(func=list_shipped)


def show(arguments: argparse.Namespace) -> int:
    policy = load_policy(arguments.policy)
    if arguments.json:
        say_json({"schema": 1, **encode(policy)})
    else:
        say(as_toml(policy).splitlines())
    return 0


def check(arguments: argparse.Namespace) -> int:
    policy = load_policy(arguments.policy)
    say([f"{policy.name} {policy.version} is a policy.", policy.basis])
    return 0


def list_shipped(arguments: argparse.Namespace) -> int:  # noqa: ARG001 - the shape of a command
    for name in SHIPPED:
        policy = load_policy(name)
        default = " (default)" if name == DEFAULT else ""
        say([f"{policy.name} {policy.version}{default}: {policy.basis}"])
    return 0
