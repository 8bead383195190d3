"""What holds for reverse proxies that compress event streams, whatever the coding."""


class Compressing:
    """A base for suites, which have an authority to `trust` and, for each coding, `bases` of servers that use it."""

    def each(self):
        return ((coding, base) for coding, bases in self.bases.items() for base in bases)

    def test_each_event_comes_once(self):
        for coding, base in self.each():
            with self.subTest(base, coding=coding):
                self.check_continues(base, "--compressed", *self.trust)

    def test_it_is_done_for_those_that_ask(self):
        for coding, base in self.each():
            with self.subTest(base, coding=coding):
                asked = self.response_header("content-encoding", f"{base}/events", "--compressed", *self.trust)
                not_asked = self.response_header("content-encoding", f"{base}/events", *self.trust)
                self.assertEqual((asked, not_asked), (coding, None))
