import { defineErrors } from '../kubeedge-error.ts';

export const configErrors = defineErrors({
  CONFIG_UNREADABLE: {
    message: 'cannot read the configuration {file}: {problem}',
    advice:
      'Give an existing YAML file with --config; --minconfig and --defaultconfig print one to start from.',
  },
  CONFIG_NOT_YAML: {
    message: 'the configuration {file} is not YAML: {problem}',
    advice: 'Correct the line the message names.',
  },
  CONFIG_INVALID: {
    message: 'the configuration is invalid at {path}: {problem}',
    advice: 'Correct the field; --defaultconfig prints every field with its default.',
  },
});
