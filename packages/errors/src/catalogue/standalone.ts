import { defineErrors } from '../kubeedge-error.ts';

export const standaloneErrors = defineErrors({
  STANDALONE_REQUEST_REFUSED: {
    message: '{message}',
    advice:
      'The answer carries a Kubernetes Status; its reason and causes say what to change in the request.',
  },
  STANDALONE_DATA_DIR_UNUSABLE: {
    message: 'data directory {path} cannot be used: {problem}',
    advice:
      'Give --data-dir a directory that this user may create and write, on a file system with free space.',
  },
  STANDALONE_DATA_DIR_IN_USE: {
    message: 'data directory {path} is in use by another process',
    advice: 'Stop the other standalone process, or give this one its own --data-dir.',
  },
  STANDALONE_STORE_DAMAGED: {
    message: 'the store {path} is damaged: {problem}',
    advice: 'Restore the file from a backup, or move it aside to start with an empty cluster.',
  },
  STANDALONE_STORE_NEWER: {
    message: 'the store {path} has schema version {found}; this program knows {known}',
    advice: 'Start a standalone of at least the version that wrote this data directory.',
  },
  STANDALONE_STORE_WRITE_FAILED: {
    message: 'the store refused a write: {problem}',
    advice:
      'Look at the free space and health of the disk under --data-dir; nothing was changed by the request.',
  },
  STANDALONE_PKI_UNREADABLE: {
    message: 'key or certificate {path} cannot be read: {problem}',
    advice: 'Restore the file; if the CA is lost, remove the pki directory and hand out the new kubeconfig.',
  },
  STANDALONE_LISTEN_FAILED: {
    message: 'cannot listen on {address}:{port}: {problem}',
    advice: 'Choose another --bind-address or --secure-port; port 0 takes a free one.',
  },
  STANDALONE_KUBECONFIG_UNWRITABLE: {
    message: 'kubeconfig {path} cannot be written: {problem}',
    advice: 'Give --write-kubeconfig a path in a directory that this user may write.',
  },
});
