// Writes deploy/crds/*.yaml from the schemas in packages/apis.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { deviceCrds } from '../../packages/apis/src/devices/index.ts';
import { reliableSyncCrds } from '../../packages/apis/src/reliablesyncs/index.ts';

const output = process.argv[2] ?? 'deploy/crds';
const HEADER = '# Generated from packages/apis by "npm run generate"; do not edit.\n';
const CONVERSION_NOTE =
  '# cloudcore fills in its own address and CA when it starts; until then only the stored version is served.\n';

mkdirSync(output, { recursive: true });
for (const name of readdirSync(output)) if (name.endsWith('.yaml')) rmSync(join(output, name));
for (const crd of [...deviceCrds(), ...reliableSyncCrds]) {
  const note = crd.spec.conversion ? CONVERSION_NOTE : '';
  const yaml = stringify(crd, { lineWidth: 0, aliasDuplicateObjects: false });
  writeFileSync(join(output, `${crd.spec.group}_${crd.spec.names.plural}.yaml`), `${HEADER}${note}${yaml}`);
}
