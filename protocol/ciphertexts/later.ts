/** What takes long and is begun when it is first waited for, in the preparation of a message. */
export class Later<T> {
  readonly #make: () => Promise<T>
  #begun: Promise<T> | undefined
  #value: { readonly is: T } | undefined

  constructor(make: () => Promise<T>) {
    this.#make = make
  }

  /** What is there already. */
  static of<T>(value: T): Later<T> {
    return new Later(async () => value)
  }

  ready(): Promise<T> {
    this.#begun ??= this.#make().then((is) => {
      this.#value = { is }
      return is
    })
    return this.#begun
  }

  /** What has been waited for. */
  get now(): T {
    if (this.#value === undefined) throw new Error("what takes long was not waited for")
    return this.#value.is
  }

  map<U>(use: (value: T) => U): Later<U> {
    return new Later(async () => use(await this.ready()))
  }
}
