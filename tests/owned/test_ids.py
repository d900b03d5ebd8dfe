"""Random ids."""

from collections import Counter

from django.test import SimpleTestCase

from owned.ids import ALPHABET, ID_PATTERN, random_id


class IdTests(SimpleTestCase):
    def test_has_the_form_of_an_id(self) -> None:
        for _ in range(1000):
            self.assertRegex(random_id(), rf"\A{ID_PATTERN.pattern}\Z")

    def test_each_character_is_as_likely_as_another_in_each_place(self) -> None:
        ids = [random_id() for _ in range(20_000)]
        for place in range(20):
            counts = Counter(id[place] for id in ids)
            # 351 expected each; 7 standard deviations away, once in some 10**9 runs of this test.
            self.assertEqual(set(counts), set(ALPHABET))
            self.assertTrue(all(220 < count < 482 for count in counts.values()), (place, counts))
