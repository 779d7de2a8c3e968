/** api/lambda: the dialect of AWS Lambda. */
export { createLambdaApi } from "./lambda-api.ts";
export type { LambdaServices } from "./operation.ts";
