"""Goatfish's tables in SQLAlchemy, and the engine. Goatfish's migrations create the tables."""

import hashlib
import os
from datetime import UTC, date, datetime

import shortuuid
from sqlalchemy import DateTime, ForeignKey, Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


def now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)


def random_id() -> str:
    """Return a new id."""
    return shortuuid.random(20)


class Base(DeclarativeBase):
    """The declarative base."""

    type_annotation_map = {datetime: DateTime(timezone=True)}


class User(Base):
    """A user who owns simulations."""

    __tablename__ = "accounts_user"

    id: Mapped[int] = mapped_column(primary_key=True)
    is_active: Mapped[bool]


class ApiKey(Base):
    """An API key of a user."""

    __tablename__ = "accounts_apikey"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(User.id))
    digest: Mapped[bytes]
    read_only: Mapped[bool]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Simulation(Base):
    """A simulation. SQLAlchemy counts its versions."""

    __tablename__ = "simulations_simulation"

    id: Mapped[str] = mapped_column(primary_key=True, default=random_id)
    owner_id: Mapped[int] = mapped_column(ForeignKey(User.id))
    name: Mapped[str]
    start_date: Mapped[date]
    end_date: Mapped[date]
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}


# A worker serves about half of the 16 connections. Each database connection has its own statement cache.
engine = create_async_engine(
    os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://"), pool_size=10, max_overflow=0
)
# Reads need no transaction. Without one, PostgreSQL saves a BEGIN and a ROLLBACK per read.
reading = async_sessionmaker(engine.execution_options(isolation_level="AUTOCOMMIT"), expire_on_commit=False)
writing = async_sessionmaker(engine, expire_on_commit=False)


async def find_key(session: AsyncSession, key: str) -> ApiKey | None:
    """Return the record of a valid key, in one query."""
    digest = hashlib.sha256(key.encode()).digest()
    open_now = or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.now())
    return await session.scalar(
        select(ApiKey)
        .join(User, User.id == ApiKey.user_id)
        .where(ApiKey.digest == digest, ApiKey.revoked_at.is_(None), User.is_active, open_now)
    )


async def find_simulation(
    session: AsyncSession, owner_id: int, id: str, *, lock: bool = False
) -> Simulation | None:
    """Return one of an owner's simulations. With `lock`, others cannot change it before the commit."""
    query: Select[tuple[Simulation]] = select(Simulation).where(
        Simulation.owner_id == owner_id, Simulation.id == id
    )
    return await session.scalar(query.with_for_update() if lock else query)
