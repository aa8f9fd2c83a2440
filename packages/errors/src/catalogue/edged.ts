import { defineErrors } from '../kubeedge-error.ts';

/** `reason` in the details is the waiting reason the pod shows in the API. */
export const edgedErrors = defineErrors({
  EDGED_CONTAINER_CONFIG: {
    message: '{problem}',
    advice:
      'The container waits with CreateContainerConfigError; create or correct the ConfigMap, Secret or field it names.',
  },
  EDGED_VOLUME: {
    message: 'volume {volume}: {problem}',
    advice: 'The pod waits with FailedMount and is retried; correct the volume or create what it refers to.',
  },
  EDGED_VOLUME_PATH: {
    message: 'volume {volume}: path {path} {problem}',
    advice:
      'Paths in volumes are relative, stay inside the volume, and have no element beginning with two dots.',
  },
  EDGED_UNMOUNT: {
    message: '{path} could not be unmounted',
    advice:
      'Something on the node still uses it; the pod stays Terminating and is tried again. See `fuser -vm` on the path.',
  },
  EDGED_REMOVE: {
    message: '{path} is not removed: {problem}',
    advice: 'Unmount what is mounted there; the pod stays Terminating and is tried again.',
  },
  EDGED_DEVICES: {
    message: 'container {container}: {problem}',
    advice:
      'The container waits and is retried. See whether the device plugin of the resource runs on the node and its devices are healthy and free.',
  },
  EDGED_IMAGE: {
    message: '{problem}',
    advice:
      'Check the image name, the registry, the pull secret and the pull policy; pulling is retried with back-off.',
  },
  EDGED_START: {
    message: '{problem}',
    advice: 'The runtime refused the container; look at its log. The start is retried with back-off.',
  },
  EDGED_HOOK: {
    message: '{problem}',
    advice:
      'The container is stopped and started again with back-off; correct its postStart hook, or what the hook needs to succeed.',
  },
  EDGED_POD_CONFIG: {
    message: 'pod {pod}: {problem}',
    advice: 'The pod is not started; correct its spec.',
  },
  EDGED_MANIFEST: {
    message: 'static pod manifest {file}: {problem}',
    advice: 'Correct the file or take it out of the folder of static pods; the others are not affected.',
  },
  EDGED_IMAGE_GC: {
    message: '{problem}',
    advice:
      'Make room on the file system of the images, or lower imageGCHighThresholdPercent; tried again in 5 minutes.',
  },
  EDGED_LOGIND: {
    message: 'systemd-logind: {problem}',
    advice:
      'Pods cannot end in good order when the machine shuts down; check that systemd-logind, busctl and systemd-inhibit work. Tried again.',
  },
  EDGED_REQUEST: {
    message: '{problem}',
    advice:
      'The kubelet endpoint refused the request with the HTTP status in the details; correct the request.',
  },
  EDGED_LOG_OVERRUN: {
    message: 'log {path} was rotated more than {files} times ahead of its reader',
    advice:
      'Read the log with a faster client, or raise containerLogMaxSize; the rotated files are beside it.',
  },
});
