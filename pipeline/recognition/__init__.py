"""From a page to its text: route, orientation, recognition, quality of the answer, retries."""
