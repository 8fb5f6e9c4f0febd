/**
 * Required into a process: it then has the version of Node that `TEST_NODE_VERSION` names, for
 * those who ask.
 */
Object.defineProperty(process, 'versions', {
  value: { ...process.versions, node: process.env.TEST_NODE_VERSION },
});
