"""`mapcore completion`: the script that makes a shell complete verbs, options and names."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

__all__ = ["completion"]


@click.command()
@click.argument("shell", metavar="bash|zsh|fish", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    r"""Print the completion script of a shell.

    \b
    bash:  eval "$(mapcore completion bash)"     in ~/.bashrc
    zsh:   eval "$(mapcore completion zsh)"      in ~/.zshrc
    fish:  mapcore completion fish > ~/.config/fish/completions/mapcore.fish

    Verbs and options complete, and so do the names of nodes and maps once the document stands on
    the line.
    """
    found = get_completion_class(shell)
    assert found is not None
    program = ctx.find_root().command
    script = found(program, {}, "mapcore", "_MAPCORE_COMPLETE")
    # The template itself: source() would first run the shell to ask for its version.
    click.echo(script.source_template % script.source_vars())
