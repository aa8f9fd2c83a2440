export {
  createEdgeController,
  type EdgeController,
  type EdgeControllerOptions,
  type EdgeControllerPorts,
} from './edge-controller.ts';
