"""The schema of each revision, as digests of its objects' SQL. From the migrations, by
`python -m tests.store.trusted`."""

SCHEMAS = {
    "0001": {
        "index image_command": "0f2e0cb582291feaf7d8b4ef773d1fbe",
        "index image_pid": "e0cc236dc8c486441cf08ad4936e4007",
        "index image_time": "79ba39097d04be64c9df0e5fc023db59",
        "table alembic_version": "c85bfd889cff304bc45779b35249633d",
        "table command": "28c7b2604e111a592b86200484783896",
        "table config": "6d21d60d010ff7517ac753bba2a4539a",
        "table config_state": "327c60ddec117f659df17a7bd58bbedf",
        "table creds": "f1179d026b6c56c74e3d4a0a8aa032f5",
        "table image": "1bd3299cf2bc78fb470deffd48cd6610",
        "table run": "0cf898bc0fd14358f2b06f645a653c9e",
        "view execs": "5a1f1adb2182353233bf31c4432e6267",
        "view runs": "f98a88cd207a5c09fc427a12c326715a",
    },
    "0002": {
        "index image_parent": "b0c19ea612e769d151a3c6c862373fe3",
        "index image_pid": "e0cc236dc8c486441cf08ad4936e4007",
        "index image_time": "79ba39097d04be64c9df0e5fc023db59",
        "table alembic_version": "c85bfd889cff304bc45779b35249633d",
        "table command": "28c7b2604e111a592b86200484783896",
        "table config": "6d21d60d010ff7517ac753bba2a4539a",
        "table config_state": "327c60ddec117f659df17a7bd58bbedf",
        "table creds": "5ddd773aa40b80b0c1a0054fbaf01582",
        "table image": "73f03fa5a66639eb954bb72cd7fe5402",
        "table place": "b2b43962718e9fc48ac569c29dd9e717",
        "table run": "0cf898bc0fd14358f2b06f645a653c9e",
        "view execs": "dd9d48bdba7564e84ff3ba796c3fe229",
        "view runs": "f98a88cd207a5c09fc427a12c326715a",
        "view seen": "2ea4bffc2456f78977d9ec9e313c50aa",
    },
}
