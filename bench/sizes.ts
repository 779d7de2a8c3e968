/** How much of everything a run does. */
export interface Sizes {
  /** New functions called once each. */
  readonly firstCalls: number;
  readonly firstCallsCold: number;
  readonly warmRounds: number;
  readonly warmCallsPerRound: number;
  readonly streamCallsPerRound: number;
  readonly throughputRounds: number;
  readonly throughputCallsPerRound: number;
  readonly burstRepetitions: number;
  readonly burstCalls: number;
  readonly idleFunctions: number;
  readonly registeredFew: number;
  readonly registeredMany: number;
  readonly registeredRounds: number;
  readonly registeredCallsPerRound: number;
}

/** For figures. */
export const FULL: Sizes = {
  firstCalls: 100,
  firstCallsCold: 20,
  warmRounds: 10,
  warmCallsPerRound: 1000,
  streamCallsPerRound: 300,
  throughputRounds: 8,
  throughputCallsPerRound: 6000,
  burstRepetitions: 5,
  burstCalls: 100,
  idleFunctions: 20,
  registeredFew: 10,
  registeredMany: 10_000,
  registeredRounds: 10,
  registeredCallsPerRound: 500,
};

/** For a look at whether everything still works; figures of this size mean nothing. */
export const SMOKE: Sizes = {
  firstCalls: 2,
  firstCallsCold: 1,
  warmRounds: 2,
  warmCallsPerRound: 20,
  streamCallsPerRound: 10,
  throughputRounds: 1,
  throughputCallsPerRound: 64,
  burstRepetitions: 1,
  burstCalls: 4,
  idleFunctions: 1,
  registeredFew: 2,
  registeredMany: 20,
  registeredRounds: 2,
  registeredCallsPerRound: 10,
};
