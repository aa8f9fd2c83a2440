// Writes packages/kubelet-plugins/src/generated from the field tables in packages/kubelet-plugins/src/fields.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateProtobuf } from './protobuf.ts';

const PACKAGES = {
  csi: 'csi.v1',
  'device-plugin': 'v1beta1',
  health: 'grpc.health.v1',
  'plugin-registration': 'pluginregistration',
  'pod-resources': 'v1',
};

const output = process.argv[2] ?? 'packages/kubelet-plugins/src/generated';
mkdirSync(output, { recursive: true });
for (const [name, packageName] of Object.entries(PACKAGES)) {
  const source = new URL(`../../packages/kubelet-plugins/src/fields/${name}.md`, import.meta.url);
  writeFileSync(
    join(output, `${name}.ts`),
    generateProtobuf({
      tables: readFileSync(source, 'utf8'),
      source: `fields/${name}.md`,
      generator: 'scripts/generators/kubelet-plugins.ts',
      packageName,
    }),
  );
}
