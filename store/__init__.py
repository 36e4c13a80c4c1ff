"""The database: schema, recording, config, history, import. Only here is SQLAlchemy used."""
