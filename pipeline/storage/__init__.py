"""Opens, lists and writes files by URI: local, ``s3://``, ``gs://``, ``az://``, ``http(s)://``.

The client of the three object stores is pyarrow's, which Ray Data installs anyway. fsspec would
add three packages that pin each other, one exact range of botocore (Ray, boto3 and moto want
others) and some twenty dependencies. pyarrow's file systems connect on first use and take the
usual environment variables of each store. Three gaps are filled here:

- Their S3 listing is one list in memory, and they refuse keys with an empty part, ``.`` or ``..``:
  boto3 lists pages of keys and presigns URLs (`objects`, `filesystems`).
- They have no ``http``: `http_file` reads it with the standard library.
- On Linux a read that stalls has no timeout, and retries cannot be counted: `remote_file` puts a
  timeout on every read and retries it, whatever the store.

Why not obstore (0.12.1, tried 2026-11-25 against the S3 server with faults and the Google emulator
of the tests): reads, listings in constant memory (12,000 keys in 12 requests), read timeouts,
retries of 503s and broken bodies, anonymous reads, and conditional puts on S3 worked. But a key
with an empty part, ``.`` or ``..`` is refused before any request (``ValueError``), one such key in
a bucket ends the whole listing (``InvalidPathError``), and ``/lead`` silently reads ``lead``. A
listing whose body stalls is not retried. Credentials in the files of the AWS tools are not read:
it asks the instance's metadata service, so boto3 would stay. It would therefore replace none of
the three workarounds. Nor could the locks of ``gs://`` and ``az://`` be tested: it speaks Google's
XML interface, to which the emulator answers 501, with ``skip_signature`` its puts still ask the
metadata service for a token, and there is no Azure emulator among the development dependencies.
"""
