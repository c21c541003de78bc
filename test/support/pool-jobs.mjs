// Jobs for the tests of the worker pool: plain JavaScript, since threads load built modules only.

class Refused extends Error {
  _tag = "Refused"
  retryable = true
}

const spin = ({ ms }) => {
  const end = performance.now() + ms
  let turns = 0
  while (performance.now() < end) turns++
  return { turns }
}

export const jobs = {
  square: ({ value }) => ({ square: value * value }),
  reverse: async ({ bytes }) => ({ bytes: bytes.slice().reverse() }),
  spin,
  refuse: () => {
    throw new Refused("not today")
  },
  break: () => {
    throw new TypeError("a bug")
  },
  exit: () => process.exit(3)
}
