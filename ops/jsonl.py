"""JSON Lines for `dumpdata` and `loaddata` that move a database to another kind (docs/backups.md)."""

from datetime import datetime, time
from typing import Any

from django.core.serializers import jsonl
from django.core.serializers.json import DjangoJSONEncoder

Deserializer = jsonl.Deserializer


class Encoder(DjangoJSONEncoder):
    """Keeps the microseconds of times, which Django's encoder cuts to milliseconds."""

    def default(self, o: Any) -> Any:
        return o.isoformat() if isinstance(o, datetime | time) else super().default(o)


class Serializer(jsonl.Serializer):
    """Django's serializer with that encoder."""

    def serialize(self, queryset: Any, **options: Any) -> Any:
        return super().serialize(queryset, cls=Encoder, **options)
