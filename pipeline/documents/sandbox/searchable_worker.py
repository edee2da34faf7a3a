"""The worker process of `SearchableClient`: it also writes searchable copies of documents."""

from __future__ import annotations

from pipeline.documents import page_text
from pipeline.documents.sandbox import input_file
from pipeline.documents.sandbox.protocol import Message, bounded, shorten
from pipeline.documents.sandbox.shared_memory import SharedBuffer
from pipeline.documents.sandbox.worker import Worker, main
from pipeline.errors import DocumentError, ErrorKind


class SearchableWorker(Worker):
    """Handles the requests of `Worker`, and `add_text`."""

    def __init__(self, limits: Message, errors: int) -> None:
        super().__init__(limits, errors)
        # After the models that PyMuPDF would load were left out, before the parent starts a clock.
        from pipeline.documents import searchable_copy

        self._write_copy = searchable_copy.write

    def _answer(self, request: Message, buffer: SharedBuffer) -> Message:
        if request["do"] == "add_text":
            return self._add_text(request)
        return super()._answer(request, buffer)

    def _add_text(self, request: Message) -> Message:
        self._close()
        input_file.check(request["path"], self._input.max_file_mib)
        try:
            copy = self._write_copy(
                request["path"],
                request["target"],
                page_text.read(request["text"]),
                request["password"],
                self._render,
                self._read.max_pages,
            )
        except OSError as error:
            raise DocumentError(ErrorKind.FETCH, f"cannot be copied: {error.strerror}") from None
        return {"refusal": shorten(copy.refusal), "warnings": bounded(copy.warnings)}


if __name__ == "__main__":
    main(SearchableWorker)
