// Generated from fields/plugin-registration.md by scripts/generators/kubelet-plugins.ts; do not edit.
import type { FieldTable, MethodTable } from '@kubeedge-ts/grpc';

export interface PluginInfo {
  type: string;
  name: string;
  endpoint: string;
  supportedVersions: string[];
}

export interface RegistrationStatus {
  pluginRegistered: boolean;
  error: string;
}

export interface RegistrationStatusResponse {
}

export interface InfoRequest {
}

/** Per message: field number, name, type, and whether it is repeated. */
export const TABLES: Record<string, FieldTable> = {
  PluginInfo: [[1, 'type', 'string'], [2, 'name', 'string'], [3, 'endpoint', 'string'], [4, 'supportedVersions', 'string', true]],
  RegistrationStatus: [[1, 'pluginRegistered', 'bool'], [2, 'error', 'string']],
  RegistrationStatusResponse: [],
  InfoRequest: [],
};

export interface RegistrationMethods {
  GetInfo: { request: InfoRequest; response: PluginInfo };
  NotifyRegistrationStatus: { request: RegistrationStatus; response: RegistrationStatusResponse };
}

export const REGISTRATION_METHODS: MethodTable<RegistrationMethods> = {
  GetInfo: ['pluginregistration.Registration', 'InfoRequest', 'PluginInfo'],
  NotifyRegistrationStatus: ['pluginregistration.Registration', 'RegistrationStatus', 'RegistrationStatusResponse'],
};
