"""The ASGI application: its routes, and the ports that each room of them gets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from api.access import keys
from api.access.auth import AccessPorts
from api.access.bearer_tokens import ALL_WRONG_PER_MINUTE
from api.access.challenge import Challenge
from api.access.issuer_ends import SignedOutReads
from api.access.key_cache import KeyCache
from api.access.key_uses import KeyUses
from api.access.limiting import RateLimits
from api.access.own_models import OwnModels
from api.access.people import People
from api.access.ports import AccountPorts, Links, SentReads
from api.access.session_ends import SessionEnds
from api.access.sessions import Sessions
from api.access.signed_in import SignedInReads
from api.access.unknown_keys import UnknownKeys
from api.account import folders, limits, snippets, usage
from api.account import settings as own_settings
from api.account.ports import PreferencePorts, PreferenceReads
from api.admin import keys as admin_keys
from api.admin import organisations as admin_organisations
from api.admin import users as admin_users
from api.admin.ports import AdminPorts, AdminReads
from api.budgets import routes as budget_routes
from api.budgets.routes import BudgetPorts
from api.changes import routes as changes
from api.changes.catching_up import CatchingUp
from api.changes.hub import ChangeHub
from api.changes.ports import ChangePorts
from api.consistency.own_writes import OwnWrites
from api.consistency.ports import CommandLog, CommandPorts, CommandReads, FreshPorts, LogEnds
from api.conversations import branches, marking, search
from api.conversations import messages as conversation_messages
from api.conversations import routes as conversations
from api.conversations.ports import ConversationPorts, ConversationReads, History
from api.document.describing import described
from api.http import operations
from api.http.allowing import allowed_at
from api.http.bodies import Bodies
from api.http.cross_origin import CrossOrigin
from api.http.errors import ApiError, as_api_error, bad_request
from api.http.gates import Gate
from api.http.head_requests import HeadRequests
from api.http.middleware import AnswerHeaders
from api.http.providing import provide
from api.http.readiness import Readiness
from api.log_view import routes as log_view
from api.log_view.live_log import LiveLog
from api.log_view.ports import LogViewPorts, PlaceReads
from api.moving import export_routes, import_routes
from api.moving.ports import MovingPorts, MovingReads
from api.openai import chat, embeddings, models, moderations, stored, texts
from api.openai.embedding_leases import EmbeddingLeases
from api.openai.embedding_ledger import EmbeddingReads, LedgerPorts
from api.openai.embeddings import EmbeddingPorts
from api.openai.kept import KeptPorts
from api.openai.models import ModelPorts
from api.openai.moderations import ModerationPorts
from api.page import routes as web_pages
from api.page.files import WebFiles
from api.pulse import routes as pulse
from api.pulse.routes import PulsePorts
from api.pulse.sampling import Pulse
from api.registry import routes as schema_registry
from api.registry import schema_tools
from api.registry.checks import SchemaChecks
from api.responses import compaction_routes, conversation_items, socket
from api.responses import conversations as response_conversations
from api.responses import routes as responses
from api.responses.ports import ContextReads, ResponsePorts
from api.responses.sealing import Seal
from api.signin import invitation_routes, issuer_routes, session_list, session_routes, sign_up_routes
from api.signin.assembly import SignIns
from api.signin.ports import SigninPorts, SigninReads
from api.streaming.readers import Readers
from api.streaming.tail_hub import TailHub
from api.turns import generations, messages, model_listing, status
from api.turns.model_listing import ListingPorts
from api.turns.own_queue import OwnQueue
from api.turns.ports import AskPorts, GenerationReads, MessageReads, StreamPorts, TurnPorts
from api.turns.prompting import PromptSizes
from api.turns.queueing import Queues
from api.turns.quotas import BookedQuotas
from api.turns.stored import StoredReads
from infra.blobs.ports import BlobStore
from infra.cassandra.errors import StoreUnavailable
from infra.embeddings.embedders import Embedders
from infra.models.catalogue import ModelCatalogue, ModelNotFound
from infra.moderation.policy import Policy
from infra.settings.processes import FIRST_USER, ApiSettings
from schemas.codec import NewerRecord
from schemas.envelope import SealedContent
from topics.admission.book import Book
from topics.catalogue import Catalogue
from topics.errors import LogUnavailable


class Reads(
    AdminReads,
    SigninReads,
    CommandReads,
    ContextReads,
    ConversationReads,
    EmbeddingReads,
    GenerationReads,
    MessageReads,
    MovingReads,
    PlaceReads,
    PreferenceReads,
    SignedInReads,
    SignedOutReads,
    SentReads,
    StoredReads,
    Protocol,
):
    """All that the rooms read of the projections. Every method raises StoreUnavailable when they cannot be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapters:
    """What one process works with, built by its root (infra/processes) or by a test. Only this module sees all of it.

    `started_at_us`: when the process began; the `created` of the models it lists.
    """

    settings: ApiSettings
    models: ModelCatalogue
    embedders: Embedders
    policy: Policy
    log: CommandLog
    ends: LogEnds
    reads: Reads
    limiter: RateLimits
    challenge: Challenge
    keys: KeyCache
    sign_ins: SignIns
    people: People
    key_uses: KeyUses
    hub: TailHub
    readers: Readers
    own_writes: OwnWrites
    readiness: Readiness
    history: History
    started_at_us: int
    sessions: Sessions
    session_ends: SessionEnds
    seal: Seal
    links: Links
    web: WebFiles
    topics: Catalogue
    live: LiveLog
    changes: ChangeHub
    pulse: Pulse
    queues: Queues
    blobs: BlobStore
    book: Book
    searches: Gate = field(default_factory=lambda: Gate(search.MAX_AT_ONCE))
    schema_checks: Gate = field(default_factory=lambda: Gate(1))

    def end_pushed(self) -> None:
        """This process ends: cut the streams that have no end of their own. Their clients resume elsewhere."""
        self.live.close()
        self.changes.end()
        self.pulse.close()


def ports_of(adapters: Adapters) -> tuple[object, ...]:
    """The ports of each room."""
    settings, reads, log, own_writes = adapters.settings, adapters.reads, adapters.log, adapters.own_writes
    quotas = BookedQuotas(adapters.book)
    own = OwnModels(adapters.models, adapters.limiter)
    return (
        Bodies(settings.max_body_bytes),
        adapters.readiness,
        adapters.web,
        SchemaChecks(adapters.schema_checks),
        ListingPorts(models=own, starts=settings.starts),
        ModelPorts(models=own, created_s=adapters.started_at_us // 1_000_000),
        EmbeddingPorts(
            models=own,
            embedders=adapters.embedders,
            ledger=LedgerPorts(log=log, reads=reads, ends=adapters.ends, wait_s=settings.read_wait_s),
            leases=EmbeddingLeases(log, adapters.book, quotas),
            limits=adapters.limiter,
        ),
        ModerationPorts(policy=adapters.policy, long=Gate(moderations.MAX_AT_ONCE)),
        BudgetPorts(log=log, book=adapters.book, reads=reads),
        AccessPorts(
            keys=adapters.keys,
            signed_in=adapters.sign_ins.signed_in,
            issuer_ends=adapters.sign_ins.issuer_ends,
            tokens=adapters.sign_ins.tokens,
            people=adapters.people,
            key_uses=adapters.key_uses,
            sessions=adapters.sessions,
            session_ends=adapters.session_ends,
            limiter=adapters.limiter,
            challenge=adapters.challenge,
            cross_origin=CrossOrigin.of(settings.cors_origins),
        ),
        AccountPorts(reads=reads, links=adapters.links, budgets=adapters.book),
        AdminPorts(reads=reads, tiers=adapters.limiter.tiers),
        SigninPorts(
            reads=reads,
            passwords=adapters.sign_ins.passwords,
            tries=adapters.sign_ins.tries,
            flows=adapters.sign_ins.flows,
            issuers={issuer.settings.name: issuer for issuer in adapters.sign_ins.issuers},
            sign_up=settings.sign_up,
            reserved=(FIRST_USER, *settings.operators),
            session_s=round(settings.session_days * 86_400),
            wrong_logouts=UnknownKeys(all_misses_per_minute=ALL_WRONG_PER_MINUTE),
        ),
        PreferencePorts(reads=reads, own_models=own),
        FreshPorts(reads=reads, ends=adapters.ends, own_writes=own_writes, wait_s=settings.read_wait_s),
        CommandPorts(log=log, reads=reads, own_writes=own_writes, past=adapters.history),
        TurnPorts(
            ask=AskPorts(
                streams=StreamPorts(hub=adapters.hub, reads=reads, models=adapters.models),
                log=log,
                own_writes=own_writes,
                quotas=quotas,
                limits=adapters.limiter,
                queues=adapters.queues,
                own_queue=OwnQueue(settings.processes),
            ),
            messages=reads,
            readers=adapters.readers,
            prompts=PromptSizes(),
            own_models=own,
            blobs=adapters.blobs,
            wait_s=settings.read_wait_s,
            grace_s=settings.disconnect_grace_s,
        ),
        ConversationPorts(
            reads=reads,
            own_writes=own_writes,
            own_models=own,
            history=adapters.history,
            searches=adapters.searches,
            wait_s=settings.read_wait_s,
        ),
        MovingPorts(reads=reads, models=adapters.models, readers=adapters.readers),
        LogViewPorts(
            places=reads,
            generations=reads,
            history=adapters.history,
            live=adapters.live,
            readers=adapters.readers,
            topics=adapters.topics,
        ),
        KeptPorts(
            stored=reads,
            streams=StreamPorts(hub=adapters.hub, reads=reads, models=adapters.models),
            blobs=adapters.blobs,
        ),
        ChangePorts(
            hub=adapters.changes,
            catching_up=CatchingUp(adapters.topics, adapters.history),
            readers=adapters.readers,
        ),
        PulsePorts(pulse=adapters.pulse, readers=adapters.readers),
        ResponsePorts(stored=reads, messages=reads, contexts=reads, seal=adapters.seal),
    )


# A request tries one router after another: those that every prompt takes come first.
ROUTERS = (
    chat.router,
    messages.router,
    conversations.router,
    conversation_messages.router,
    generations.router,
    # Their paths would be the id of a response in the other one.
    compaction_routes.router,
    responses.router,
    socket.router,
    response_conversations.router,
    conversation_items.router,
    keys.router,
    embeddings.router,
    moderations.router,
    models.router,
    texts.router,
    stored.router,
    session_routes.router,
    session_list.router,
    sign_up_routes.router,
    issuer_routes.router,
    invitation_routes.router,
    model_listing.router,
    status.router,
    budget_routes.router,
    branches.router,
    search.router,
    import_routes.router,
    export_routes.router,
    marking.router,
    own_settings.router,
    folders.router,
    snippets.router,
    usage.router,
    limits.router,
    log_view.router,
    changes.router,
    pulse.router,
    admin_users.router,
    admin_organisations.router,
    admin_keys.router,
    web_pages.router,
    operations.router,
    schema_registry.router,
    schema_tools.router,
)


class Api(FastAPI):
    """An application whose document is whole. `max_body_bytes`: the bound of bodies, which it names."""

    max_body_bytes = 0

    def openapi(self) -> dict[str, Any]:
        """The document of the routes; made once."""
        if self.openapi_schema is None:
            self.openapi_schema = described(super().openapi(), self.max_body_bytes)
        return self.openapi_schema


def create_app(adapters: Adapters) -> FastAPI:
    """The application; it opens and closes nothing itself."""
    app = Api(
        title="Verbatim",
        version="1",
        description="A self-hosted chat platform in which the log is the truth.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
    )
    app.max_body_bytes = adapters.settings.max_body_bytes
    provide(app, *ports_of(adapters))
    for router in ROUTERS:
        app.include_router(router)
    for kind in (ApiError, HTTPException, LogUnavailable, StoreUnavailable, ModelNotFound, SealedContent, NewerRecord):
        app.add_exception_handler(kind, _answer_error)
    app.add_exception_handler(RequestValidationError, _answer_wrong_parameter)
    app.add_middleware(HeadRequests)
    app.add_middleware(AnswerHeaders, cross_origin=CrossOrigin.of(adapters.settings.cors_origins))
    return app


async def _answer_error(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code == 404 and web_pages.is_visit(request):
        return web_pages.nothing_here(request)
    told = as_api_error(error)
    if told.status == 405:
        told.headers["Allow"] = allowed_at(request.app.router, request)
    return schema_registry.in_registry_shape(request.url.path, told).response()


async def _answer_wrong_parameter(request: Request, error: Exception) -> Response:
    """A path or query parameter that does not fit; bodies are checked by api.http.bodies."""
    first = error.errors()[0] if isinstance(error, RequestValidationError) else {}
    param = str(first.get("loc", ("", "?"))[-1])
    wrong = bad_request(f"Invalid value for '{param}': {first.get('msg', 'wrong')}.", param=param)
    return schema_registry.in_registry_shape(request.url.path, wrong).response()
