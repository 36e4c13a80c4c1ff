"""From where somebody changed the config of the store. Of earlier changes it is not known."""

from alembic import op

revision = "0005"
down_revision = "0004"

_DEFAULTS = {
    "address": "host(inet_client_addr())",
    "application": "current_setting('application_name')",
}


def upgrade() -> None:
    for name, default in _DEFAULTS.items():
        for what in (f"ADD COLUMN {name} text", f"ALTER COLUMN {name} SET DEFAULT {default}"):
            op.get_bind().exec_driver_sql(f"ALTER TABLE execdb.config_edit {what}")
