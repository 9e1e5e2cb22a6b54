// Models that stay open for whoever asks them next: a provider's client is dear to make, and holds nothing of a task.
import type { Manifest } from "../../contracts/manifest.ts";
import type { ModelNetwork } from "./checked-fetch.ts";
import type { ModelEndpoint } from "./endpoint.ts";
import type { Model } from "./model.ts";
import { openModel } from "./open-model.ts";
import { openPrices, type PricesAt } from "./price.ts";

interface Opened {
  readonly apiKey: string | undefined;
  readonly model: Promise<Model>;
}

/** One per runner. A model lives as long as the definitions that its manifest stands in, and its key is the same. */
export class OpenedModels {
  readonly #opened = new WeakMap<Manifest, Opened>();
  readonly #prices = new WeakMap<Manifest, Promise<PricesAt>>();
  readonly #network: ModelNetwork;

  constructor(network: ModelNetwork) {
    this.#network = network;
  }

  /** As {@link openModel}. A mock is opened anew each time: it counts the failures that its script asks for. */
  open(manifest: Manifest, endpoint: ModelEndpoint): Promise<Model> {
    if (endpoint.spec.provider === "mock") return openModel(endpoint, this.#network);
    const { apiKey } = endpoint;
    const known = this.#opened.get(manifest);
    if (known !== undefined && known.apiKey === apiKey) return known.model;
    const model = openModel(endpoint, this.#network);
    this.#opened.set(manifest, { apiKey, model });
    // What failed is tried anew by whoever comes next.
    model.catch(() => this.#opened.delete(manifest));
    return model;
  }

  /** As {@link openPrices}. */
  prices(manifest: Manifest, spec: ModelEndpoint["spec"]): Promise<PricesAt> {
    const known = this.#prices.get(manifest);
    if (known !== undefined) return known;
    const prices = openPrices(spec);
    this.#prices.set(manifest, prices);
    return prices;
  }
}
