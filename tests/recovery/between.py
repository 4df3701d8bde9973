"""A vault that lets a test step in between two statements of a transaction."""


class Between:
    """The house's vault; `step`, where it is set, is shown every change before it is made: its table and its values.

    With `secrets` the randomness of its transactions is the test's.
    """

    def __init__(self, vault, secrets=None):
        self.vault, self.step, self.secrets = vault, None, secrets

    @property  # type: ignore[misc]  # mypy takes it for a field that somebody sets
    def __class__(self):
        """The class of the vault that it stands for: the house asks which database it is on."""
        return type(self.vault)

    def __getattr__(self, name):
        return getattr(self.vault, name)

    async def transact(self, scope, use_case):
        return await self.vault.transact(scope, lambda tx: use_case(_Watched(tx, self)))

    def once(self, table, act):
        """Act before the next change of this table, once."""

        def step(changed, values):
            if changed == table:
                self.step = None
                act(values)

        self.step = step


class _Watched:
    """A transaction whose changes are shown."""

    def __init__(self, tx, vault):
        self.__dict__.update(_tx=tx, _vault=vault)

    def __getattr__(self, name):
        return getattr(self._tx, name)

    def __setattr__(self, name, value):
        setattr(self._tx, name, value)

    @property
    def secrets(self):
        return self._vault.secrets or self._tx.secrets

    def do(self, statement, **values):
        if self._vault.step:
            self._vault.step(statement.table, values)
        return self._tx.do(statement, **values)
