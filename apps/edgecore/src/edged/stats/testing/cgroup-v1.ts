/** Files of one cgroup of the v1 hierarchies, recorded below containerd 1.6: a container with 200m CPU and 64Mi. */
export const V1_CONTAINER: Readonly<Record<string, string>> = {
  'cpuacct/cpuacct.usage': '1043087633\n',
  'cpuacct/cpuacct.stat': 'user 61\nsystem 42\n',
  'cpu/cpu.stat': 'nr_periods 52\nnr_throttled 49\nthrottled_time 4123456789\nnr_bursts 0\nburst_time 0\n',
  'cpu/cpu.shares': '204\n',
  'cpu/cpu.cfs_period_us': '100000\n',
  'cpu/cpu.cfs_quota_us': '20000\n',
  'memory/memory.usage_in_bytes': '4198400\n',
  'memory/memory.limit_in_bytes': '67108864\n',
  'memory/memory.max_usage_in_bytes': '5210112\n',
  'memory/memory.memsw.limit_in_bytes': '67108864\n',
  'memory/memory.failcnt': '3\n',
  'memory/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 1\n',
  'memory/memory.stat': [
    'cache 0\nrss 0\nmapped_file 0\nswap 0\npgfault 0\npgmajfault 0\ninactive_file 0\nactive_file 0',
    'hierarchical_memory_limit 67108864\nhierarchical_memsw_limit 67108864',
    'total_cache 3149824\ntotal_rss 159744\ntotal_rss_huge 0\ntotal_shmem 0\ntotal_mapped_file 8192\ntotal_dirty 3145728',
    'total_swap 4096\ntotal_pgfault 2169\ntotal_pgmajfault 7\ntotal_inactive_anon 147456\ntotal_active_anon 12288',
    'total_inactive_file 3100672\ntotal_active_file 49152\ntotal_unevictable 0\n',
  ].join('\n'),
  'pids/pids.current': '3\n',
  'pids/pids.max': 'max\n',
  'blkio/blkio.throttle.io_service_bytes_recursive':
    '254:0 Read 40960\n254:0 Write 3145728\n254:0 Sync 0\n254:0 Async 3186688\n254:0 Discard 0\n254:0 Total 3186688\nTotal 3186688\n',
  'blkio/blkio.throttle.io_serviced_recursive': '254:0 Read 5\n254:0 Write 12\n254:0 Total 17\nTotal 17\n',
};
