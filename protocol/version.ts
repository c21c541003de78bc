/**
 * The version of the computation on shares: another one makes other words of the same keys and plan. Parties
 * of different versions must not compute together, nor may a run that one began be gone on with by another:
 * the same masks would hide other values. So it is part of what parties agree on, and of the keys of their
 * generators.
 */
export const computationVersion = 3
