import type { Migration } from './types.ts';

/**
 * The edge database (DESIGN §8). Upstream's tables come first, declared exactly as upstream's v1.23 creates them
 * (spec/metamanager-and-metaserver.md §2.1, spec/mqtt-and-devicetwin.md §10.4), so that either program can take the
 * file over. Our own tables follow; upstream does not look at them.
 */
export const edgeMigrations: readonly Migration[] = [
  {
    version: 1,
    statements: [
      'CREATE TABLE IF NOT EXISTS `meta` (`key` text,`type` text,`value` text,PRIMARY KEY (`key`))',
      'CREATE TABLE IF NOT EXISTS `meta_v2` (`key` text,`group_version_resource` text,`namespace` text,`name` text,' +
        '`resource_version` integer,`value` text,PRIMARY KEY (`key`))',
      'CREATE TABLE IF NOT EXISTS `device` (`id` text,`name` text,`description` text,`state` text,' +
        '`last_online` text,PRIMARY KEY (`id`))',
      'CREATE TABLE IF NOT EXISTS `device_attr` (`id` integer PRIMARY KEY AUTOINCREMENT,`deviceid` text,`name` text,' +
        '`description` text,`value` text,`optional` numeric,`attr_type` text,`metadata` text)',
      'CREATE TABLE IF NOT EXISTS `device_twin` (`id` integer PRIMARY KEY AUTOINCREMENT,`deviceid` text,`name` text,' +
        '`description` text,`expected` text,`actual` text,`expected_meta` text,`actual_meta` text,' +
        '`expected_version` text,`actual_version` text,`optional` numeric,`attr_type` text,`metadata` text)',
      'CREATE TABLE IF NOT EXISTS `sub_topics` (`topic` text,PRIMARY KEY (`topic`))',
      'CREATE TABLE IF NOT EXISTS `target_urls` (`url` text,PRIMARY KEY (`url`))',
    ],
    // 1.9 spells two columns of meta_v2 without underscores.
    addedColumns: [
      {
        table: 'meta_v2',
        column: 'group_version_resource',
        type: 'text',
        copyFrom: 'groupversionresource',
      },
      { table: 'meta_v2', column: 'resource_version', type: 'integer', copyFrom: 'resourceversion' },
    ],
  },
  {
    version: 2,
    statements: [
      // What the cloud must still be told (DESIGN §6): the newest wanted state per object.
      'CREATE TABLE IF NOT EXISTS outbox (key TEXT PRIMARY KEY, kind TEXT NOT NULL, namespace TEXT NOT NULL,' +
        ' name TEXT NOT NULL, uid TEXT NOT NULL, value TEXT NOT NULL, seq INTEGER NOT NULL)',
    ],
  },
];
