/**
 * The version of the computation on shares: another one makes other words of the same keys and plan. Parties
 * of different versions must not compute together, nor may one resume a run that another began: the same
 * masks would hide other values. So the version is part of the parties' agreement and of the keys of their
 * generators.
 */
export const computationVersion = 4
