export {
  type ApiError,
  type ErrorAnswer,
  type ErrorAnswerOptions,
  errorAnswer,
} from "./error-answer.ts";
export { type ModelList, modelListTooLong, readModelList } from "./model-list.ts";
export { promptOf } from "./request/prompt.ts";
export {
  invalidModel,
  isForm,
  isModelName,
  missingModel,
  needsModel,
  type ReadRequest,
  type RefusedRequest,
  type RequestBodyErrorCode,
  type RequestFields,
  readRequest,
} from "./request/read-request.ts";
export { withModel } from "./request/with-model.ts";
