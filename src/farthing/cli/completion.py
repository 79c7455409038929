"""`farthing completion`: completion for the user's shell."""

import click
from click.shell_completion import get_completion_class


@click.command("completion", short_help="Completion for bash, zsh or fish.")
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def command(shell: str) -> int:
    """Print the completion script; e.g. `eval "$(farthing completion zsh)"` in ~/.zshrc."""
    from farthing.cli import group

    maker = get_completion_class(shell)
    if maker is None:
        raise click.ClickException(f"no completion for {shell}")
    click.echo(maker(group, {}, "farthing", "_FARTHING_COMPLETE").source())
    return 0
