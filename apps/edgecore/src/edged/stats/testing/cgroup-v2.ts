/** Files of one cgroup of the unified hierarchy in the forms of kernel 6.1: a container with 500m CPU and 256Mi. */
export const V2_CONTAINER: Readonly<Record<string, string>> = {
  'cgroup.procs': '4711\n4712\n',
  'cpu.stat':
    'usage_usec 62338613\nuser_usec 35884530\nsystem_usec 26454083\ncore_sched.force_idle_usec 0\nnr_periods 1200\nnr_throttled 34\nthrottled_usec 567890\nnr_bursts 0\nburst_usec 0\n',
  'cpu.max': '50000 100000\n',
  'cpu.weight': '20\n',
  'memory.current': '104857600\n',
  'memory.max': '268435456\n',
  'memory.peak': '115343360\n',
  'memory.swap.current': '8192\n',
  'memory.swap.max': '0\n',
  'memory.events': 'low 0\nhigh 0\nmax 12\noom 2\noom_kill 1\noom_group_kill 0\n',
  'memory.stat': [
    'anon 52428800\nfile 47185920\nkernel 3145728\nkernel_stack 163840\npagetables 1048576\npercpu 0\nsock 0\nshmem 0',
    'file_mapped 20971520\nfile_dirty 0\nfile_writeback 0\nswapcached 0\nanon_thp 0\ninactive_anon 52420608\nactive_anon 8192',
    'inactive_file 31457280\nactive_file 15728640\nunevictable 0\nslab_reclaimable 524288\nslab_unreclaimable 262144',
    'workingset_refault_anon 0\nworkingset_refault_file 12\npgfault 123456\npgmajfault 78\npgrefill 0\n',
  ].join('\n'),
  'pids.current': '14\n',
  'pids.max': '1024\n',
  'io.stat':
    '254:0 rbytes=1048576 wbytes=2097152 rios=32 wios=64 dbytes=0 dios=0\n7:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n253:0 \n',
};
