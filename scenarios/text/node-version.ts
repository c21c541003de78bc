/** The oldest Node that the program runs on, as `engines` of `package.json` states it. */
export const leastNode = [20, 15] as const
