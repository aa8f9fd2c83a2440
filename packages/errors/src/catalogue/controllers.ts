import { defineErrors } from '../kubeedge-error.ts';

/** Custom resource definitions and the controllers of cloudcore. */
export const controllerErrors = defineErrors({
  CONTROLLER_CRD_NOT_ESTABLISHED: {
    message: 'custom resource definition {name} is not served {seconds} s after it was written: {problem}',
    advice:
      'Look at the conditions in `kubectl describe crd {name}`; usually another definition claims the same names.',
  },
});
