/**
 * The numbers of a model as safetensors: a header that says where each tensor lies, then the tensors. The layers are named and
 * laid out as PyTorch has them in a sequence of `Linear` and `ReLU`: weights are units × inputs. Pure.
 */
import { concatenate } from "../../../protocol/bytes.ts"
import type { Model } from "../../../protocol/learning/model.ts"

/** Headers end at a multiple of this, so that the tensors can be used in place. */
const alignment = 8

export const safetensorsOf = (model: Model): Uint8Array => {
  const { data, network, loss } = model
  const tensors = model.layers.flatMap(({ weights, bias }, i) => {
    // A hidden layer's ReLU takes a place of its own.
    const place = 2 * i
    const transposed = bias.map((_, unit) => weights.map((row) => row[unit]!))
    return [
      {
        name: `${place}.weight`,
        shape: [bias.length, weights.length],
        values: Float64Array.from(transposed.flat())
      },
      { name: `${place}.bias`, shape: [bias.length], values: Float64Array.from(bias) }
    ]
  })
  let at = 0
  const header: Record<string, unknown> = {
    __metadata__: { format: "pt", data: JSON.stringify(data), network: JSON.stringify(network), loss }
  }
  for (const { name, shape, values } of tensors) {
    header[name] = { dtype: "F64", shape, data_offsets: [at, at + values.byteLength] }
    at += values.byteLength
  }
  const text = new TextEncoder().encode(JSON.stringify(header))
  const length = Math.ceil(text.length / alignment) * alignment
  const begin = new Uint8Array(8 + length).fill(" ".charCodeAt(0))
  new DataView(begin.buffer).setBigUint64(0, BigInt(length), true)
  begin.set(text, 8)
  return concatenate([begin, ...tensors.map(({ values }) => new Uint8Array(values.buffer))])
}
