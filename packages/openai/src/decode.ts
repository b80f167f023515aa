export {
  type BodyDecoder,
  type BodyDecoderOptions,
  type Coding,
  createBodyDecoder,
  type Decoded,
} from "./request/content-coding.ts";
