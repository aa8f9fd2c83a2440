import { type CrdConversion, customResourceDefinition, type PrinterColumn } from '../schema/crd.ts';
import { deviceModelSpecV1alpha1, deviceSpecV1alpha1, deviceStatusFieldV1alpha1 } from './v1alpha1.ts';
import { deviceModelSpecV1alpha2, deviceSpecV1alpha2, deviceStatusFieldV1alpha2 } from './v1alpha2.ts';
import {
  deviceModelSpec,
  deviceModels,
  deviceSpec,
  deviceStatuses,
  deviceStatusField,
  deviceStatusSpec,
  deviceStatusStatus,
  devices,
} from './v1beta1.ts';

/**
 * Until cloudcore fills in its own address and CA. A URL nobody answers refuses the older versions; strategy `None`
 * would accept them and prune what v1beta1 does not know.
 */
export const UNSET_CONVERSION_URL = 'https://cloudcore.kubeedge.svc:10002/crdconversion';

export function webhookConversion(url: string, caBundle?: string): CrdConversion {
  return {
    strategy: 'Webhook',
    webhook: {
      clientConfig: { url, ...(caBundle ? { caBundle } : {}) },
      conversionReviewVersions: ['v1'],
    },
  };
}

const column = (name: string, jsonPath: string): PrinterColumn => ({ name, type: 'string', jsonPath });
const MODEL = column('Model', '.spec.deviceModelRef.name');
const SELECTED_NODE = column('Node', '.spec.nodeSelector.nodeSelectorTerms[0].matchExpressions[0].values[0]');
const deviceColumns = [
  column('Node', '.spec.nodeName'),
  MODEL,
  column('Protocol', '.spec.protocol.protocolName'),
];

/** The three definitions of `devices.kubeedge.io` (spec/crds.md §1–§4); status is a plain field in all of them. */
export function deviceCrds(conversion: CrdConversion = webhookConversion(UNSET_CONVERSION_URL)) {
  return [
    customResourceDefinition({
      ...devices,
      conversion,
      versions: [
        {
          name: 'v1beta1',
          storage: true,
          spec: deviceSpec,
          status: deviceStatusField,
          columns: deviceColumns,
        },
        {
          name: 'v1alpha2',
          spec: deviceSpecV1alpha2,
          status: deviceStatusFieldV1alpha2,
          columns: [SELECTED_NODE, MODEL],
        },
        {
          name: 'v1alpha1',
          spec: deviceSpecV1alpha1,
          status: deviceStatusFieldV1alpha1,
          columns: [SELECTED_NODE, MODEL],
        },
      ],
    }),
    customResourceDefinition({
      ...deviceModels,
      conversion,
      versions: [
        {
          name: 'v1beta1',
          storage: true,
          spec: deviceModelSpec,
          columns: [column('Protocol', '.spec.protocol')],
        },
        { name: 'v1alpha2', spec: deviceModelSpecV1alpha2 },
        { name: 'v1alpha1', spec: deviceModelSpecV1alpha1 },
      ],
    }),
    customResourceDefinition({
      ...deviceStatuses,
      versions: [
        {
          name: 'v1beta1',
          storage: true,
          spec: deviceStatusSpec,
          status: deviceStatusStatus,
          columns: [column('State', '.status.state'), column('Last Online', '.status.lastOnlineTime')],
        },
      ],
    }),
  ];
}
