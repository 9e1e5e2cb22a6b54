// Models that stay open for whoever asks them next: a provider's client is dear to make, and holds nothing of a task.
import type { Manifest } from "../../contracts/manifest.ts";
import type { ModelNetwork } from "./checked-fetch.ts";
import type { Embedder } from "./embedder.ts";
import type { ModelEndpoint } from "./endpoint.ts";
import type { Model } from "./model.ts";
import { openEmbedder } from "./open-embedder.ts";
import { openModel } from "./open-model.ts";
import { openPrices, type PricesAt } from "./price.ts";

interface Opened<T> {
  readonly apiKey: string | undefined;
  readonly opened: Promise<T>;
}

type Kept<T> = WeakMap<Manifest, Opened<T>>;

/** One per runner. A model lives as long as the definitions that its manifest stands in, and its key is the same. */
export class OpenedModels {
  readonly #models: Kept<Model> = new WeakMap();
  readonly #embedders: Kept<Embedder> = new WeakMap();
  readonly #prices = new WeakMap<Manifest, Promise<PricesAt>>();
  readonly #network: ModelNetwork;

  constructor(network: ModelNetwork) {
    this.#network = network;
  }

  /** As {@link openModel}. A mock is opened anew each time: it counts the failures that its script asks for. */
  open(manifest: Manifest, endpoint: ModelEndpoint): Promise<Model> {
    if (endpoint.spec.provider === "mock") return openModel(endpoint, this.#network);
    return keep(this.#models, manifest, endpoint.apiKey, () => openModel(endpoint, this.#network));
  }

  /** As {@link openEmbedder}. */
  openEmbedder(manifest: Manifest, endpoint: ModelEndpoint): Promise<Embedder> {
    return keep(this.#embedders, manifest, endpoint.apiKey, () => openEmbedder(endpoint, this.#network));
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

function keep<T>(kept: Kept<T>, manifest: Manifest, apiKey: string | undefined, open: () => Promise<T>): Promise<T> {
  const known = kept.get(manifest);
  if (known !== undefined && known.apiKey === apiKey) return known.opened;
  const opened = open();
  kept.set(manifest, { apiKey, opened });
  // What failed is tried anew by whoever comes next.
  opened.catch(() => kept.delete(manifest));
  return opened;
}
