"""The config of hosts, in the central store."""

from alembic import op

revision = "0003"
down_revision = "0002"

_STATEMENTS = (
    "CREATE SEQUENCE execdb.config_generation",
    "CREATE TABLE execdb.config ("
    " scope text NOT NULL CHECK (scope IN ('all', 'group', 'host')), name text NOT NULL,"
    " document text NOT NULL, generation bigint NOT NULL,"
    " changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),"
    " changed_by text NOT NULL DEFAULT session_user, PRIMARY KEY (scope, name))",
    "CREATE TABLE execdb.config_edit ("
    " generation bigint NOT NULL, scope text NOT NULL, name text NOT NULL,"
    " action text NOT NULL, subject text NOT NULL, before text, after text,"
    " changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),"
    " changed_by text NOT NULL DEFAULT session_user)",
    "CREATE TABLE execdb.host_config ("
    " host text NOT NULL, shipper text NOT NULL DEFAULT session_user, host_group text,"
    " wanted bigint, in_file bigint, in_kernel bigint, error text,"
    " told_at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (host, shipper),"
    " CHECK (char_length(host) <= 4096 AND char_length(host_group) <= 4096"
    " AND char_length(error) <= 4096))",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
