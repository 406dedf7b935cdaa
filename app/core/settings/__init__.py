"""The configuration: the tree of settings and how it is loaded. This is what the rest of the project may import."""

from __future__ import annotations

from app.core.settings.auth_tree import AuthSettings, AuthzSettings, OAuthSettings, ProviderSettings, RolesSettings
from app.core.settings.durations import format_duration, parse_duration
from app.core.settings.environment import environment_names
from app.core.settings.graphql_tree import GraphQLSettings
from app.core.settings.load import load_settings
from app.core.settings.reference import SettingDescription, describe_settings
from app.core.settings.requested import check_registry_name, read_own_source, read_source
from app.core.settings.server_tree import (
    AuditSettings,
    AwsRdsIamSettings,
    DatabaseSettings,
    DynamicAuthSettings,
    FileStorageSettings,
    MetricsSettings,
    TelemetrySettings,
    TracingSettings,
)
from app.core.settings.source_tree import (
    FETCHED_KINDS,
    ApiSettings,
    FileSettings,
    FilterListSettings,
    FilterSettings,
    GitAuthSettings,
    GitSettings,
    KubernetesSettings,
    ManagedSettings,
    RegistrySettings,
    SourceKind,
    SourceSettings,
    SyncPolicySettings,
)
from app.core.settings.sync_tree import OutboundSettings, RedisSettings, SyncSettings
from app.core.settings.tree import Settings
from app.core.settings.values import AuthMode, LogLevel, SourceFormat, SslMode

__all__ = [
    "FETCHED_KINDS",
    "ApiSettings",
    "AuditSettings",
    "AuthMode",
    "AuthSettings",
    "AuthzSettings",
    "AwsRdsIamSettings",
    "DatabaseSettings",
    "DynamicAuthSettings",
    "FileSettings",
    "FileStorageSettings",
    "FilterListSettings",
    "FilterSettings",
    "GitAuthSettings",
    "GitSettings",
    "GraphQLSettings",
    "KubernetesSettings",
    "LogLevel",
    "ManagedSettings",
    "MetricsSettings",
    "OAuthSettings",
    "OutboundSettings",
    "ProviderSettings",
    "RedisSettings",
    "RegistrySettings",
    "RolesSettings",
    "SettingDescription",
    "Settings",
    "SourceFormat",
    "SourceKind",
    "SourceSettings",
    "SslMode",
    "SyncPolicySettings",
    "SyncSettings",
    "TelemetrySettings",
    "TracingSettings",
    "check_registry_name",
    "describe_settings",
    "environment_names",
    "format_duration",
    "load_settings",
    "parse_duration",
    "read_own_source",
    "read_source",
]
