"""One way to every place: local paths, ``s3://``, ``gs://``, ``az://``, ``http(s)://``, archives.

The layer is pyarrow's file systems. They are inside a wheel that Ray Data needs anyway, with no
further package: fsspec's for the three stores are three packages that want one exact fsspec, an
exact range of botocore and some twenty packages more, and Ray, boto3 and moto want others. They
open nothing until asked, take the usual environment of each store, and work without a network
as long as no store is named. Three gaps of theirs are filled here, each in one place:

- Their S3 listing is one list in memory, and they refuse keys with an empty part, ``.`` or ``..``
  in them: pages of keys and presigned addresses come from boto3 (`listing`, `connect`).
- They have no ``http``: `web` reads it with the standard library.
- On Linux they put no limit on a read that stalls, and what they try again cannot be counted:
  every read is watched and tried again in `remote`, whatever the store.
"""
